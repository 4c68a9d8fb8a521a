"""How fast the networks are, and how closely the fast forms agree with the plain ones."""
