"""Rules of PS3.18 12 and what PS3.4 X, U, BB, HH, JJ and GG say of Non-Patient Instances."""
