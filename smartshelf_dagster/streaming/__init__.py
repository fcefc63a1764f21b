"""Redis streams: reading from an offset, decoding, and sending."""
