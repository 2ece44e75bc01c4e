"""The weights of the judges: where they are, what signatures say of them, and whether they can be believed."""
