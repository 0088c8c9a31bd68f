"""The console: pages, API and event stream of the desk, on one table of routes."""
