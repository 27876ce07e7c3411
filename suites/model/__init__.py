"""Rules of the data models (DICOM JSON, Native DICOM, PS3.10), whoever sent them. Must not know services."""
