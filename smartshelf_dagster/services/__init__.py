"""Processes that the system starts and stops: the embedded server, the simulator, the apps."""
