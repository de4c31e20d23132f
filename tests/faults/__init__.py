"""ddd under fault: what it answered is there, what it did not answer is there whole or not at all."""
