"""The built-in voice behind OpenAI's speech API: what ``voicecli serve`` runs.

A request passes these modules, in this order::

    listen      socket, uvicorn, signals: who may connect, and how it ends
    protocol    what is HTTP and what is not
    guard       the key, the access line, defects
    app         routes: which path is whose
    fields      the body: one table that checks and describes it
    speech      text to encoded chunks, on a worker thread
    events      ... as server-sent events, where asked for
    script      ... late, cut or stalled, where that was asked for
    answer      ... to the client, for as long as there is one

`catalogue` knows the voices and models, `refusal` what a refusal looks like,
`description` tells all of it as OpenAPI. The event loop never synthesises: it
asks a worker thread for the next chunk when the last one has left, so a client
that reads slowly is spoken to slowly, and one that left is not spoken to.
"""
