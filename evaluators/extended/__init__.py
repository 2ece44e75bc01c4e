"""Extended emotions: measures for emotions beyond the basic eight, of which no classifier exists."""
