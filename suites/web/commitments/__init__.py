"""Storage commitment over HTTP (PS3.18 chapter 13, Annex J): what is asked to be kept, and what is told of it."""
