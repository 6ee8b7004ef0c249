"""One run: build, train, evaluate, record, reproduce."""
