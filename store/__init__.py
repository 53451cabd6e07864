"""Rows and files: what must survive. Knows the words of `gateway.cases` and the errors, nothing else of the gateway.

Functions here run on the calling thread's own connection. Those that write are called only inside a job given to
`Database.write` or `Database.write_async`, those that read from any thread but the event loop's.
"""
