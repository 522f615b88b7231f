"""Tables, records and pure functions that every room may use. No files, no network."""
