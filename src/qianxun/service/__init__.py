"""The service over HTTP: what clients speak, who may, how much at a time, and what is told of it afterwards.

`service` is one process's part of it, `app` the application that a server runs; `visit` is one request.
"""
