"""What the standard demands of user agents on the web: their requests, and their conversations as a whole."""
