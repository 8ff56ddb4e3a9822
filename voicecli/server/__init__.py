"""The built-in voice behind OpenAI's speech API: ``voicecli serve``.

A request passes these modules, in this order::

    listen           the socket, uvicorn, signals and shutdown
    protocol         HTTP/1.1: timeouts, and errors for bytes that are not HTTP
    middleware       the key, the Host header, the access log, unexpected exceptions
    app              the routes
    schema           validation of the request's body
    concurrency      the queue
    speech           text to encoded chunks, on a worker thread
    events           the chunks as server-sent events, if requested
    fault_injection  when each chunk is sent, and what goes wrong, if requested
    answer           the response, for as long as the client is connected

`catalogue` lists the voices and models, `errors` defines error responses, `openapi`
describes the API. `memory` keeps the process small, and `parent_watch` ends it with the
program that started it. The event loop never synthesizes: it asks a worker thread for the
next sentence after the previous one was sent. A client that reads slowly slows its own
speech down, and nothing is synthesized for a client that left.
"""
