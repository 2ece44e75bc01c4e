"""Sets many runs on one page: the newest number of each method, how a method's numbers went, and every run's page."""
