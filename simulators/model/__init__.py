"""Encoders of data sets: DICOM JSON Model, Native DICOM Model and bulk data, straight from stored octets."""
