"""The review page: what it shows and does, without a browser (`desk`, `events`, `screen`), and on Panel (`web`)."""
