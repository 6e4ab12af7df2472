"""What `make bench` and `make examples` run: measurements beside the project, no part of it."""
