"""The course in a page of a browser, with nothing installed: what runs there, and what builds it."""
