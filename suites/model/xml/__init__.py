"""Rules of the Native DICOM Model (PS3.19 A.1). Must not know which service a document belongs to."""
