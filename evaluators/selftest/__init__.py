"""A self-test of the judges on stored inputs with known answers."""
