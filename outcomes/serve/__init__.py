"""The HTTP gateway: events in, live figures out; needs the extra `serve`."""
