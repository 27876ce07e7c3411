"""Storage Commitment (PS3.4 Annex J): what is asked to be kept, and what the report says of each instance."""
