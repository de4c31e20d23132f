"""A plugin under test: started, stopped, killed and called; what a check may ask of it."""
