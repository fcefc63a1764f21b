"""Parts that several pages share. They draw; they do not query."""
