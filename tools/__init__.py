"""Commands of the developers: generated files, fuzzing, opinions of others. No part of what is installed."""
