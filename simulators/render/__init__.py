"""Knows how instances become images, texts and documents that need no DICOM to be shown; must not know transports."""
