"""Rules of the DICOM JSON Model (PS3.18 Annex F). Must not know which service a document belongs to."""
