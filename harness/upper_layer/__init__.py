"""The DICOM upper layer as a sans-IO engine, for our SCU, the simulators and the mutants alike.

It must not open sockets, nor share code with the strict readers of `harness/wire`, which judge what it says.

`message.Message` is what is spoken, `offer.Offer` and `negotiate.Policy` say how an association comes about,
`machine.Machine`
turns octets into indications and messages into octets by the state table of PS3.8, and `encode` builds every PDU and
item, right or wrong.
"""
