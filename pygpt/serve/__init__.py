"""The endpoint that OpenAI's clients talk to: `python -m pygpt serve`; needs the extra `serve`.

In the order of their imports:
    config.py        the options of a server
    errors.py        what a client is told that something is wrong, and with which status
    schema.py        bodies of requests and answers, as types that check them
    metrics.py       what is counted, in Prometheus' text form
    engine.py        the thread that the model works on, the queue, what a client waits for
    spelling.py      tokens as the words of an answer
    prompts.py       what a request gives as prompt, and its options as pygpt has them
    scores.py        what the model gives each token of a prompt
    answers.py       continuations as they come, piece by piece
    service.py       what all routes share
    looks.py         what the page shows of a model
    gradients.py     what it shows of gradients
    probes.py        looks that a training keeps at its evaluations
    live.py          a training that is watched
    packed.py        arrays as one message
    show_schema.py   what the page asks, as types that check it
    others.py        the models of a run's other checkpoints
    events.py        bodies, answers as server-sent events, and clients that go away
    show_training.py what the page asks of a training
    show.py          the page, and what else it asks
    completions.py   /v1/completions
    chat.py          /v1/chat/completions
    embeddings.py    /v1/embeddings
    guard.py         who may ask: Host, Origin, API key
    openapi.py       the document that says all this to programs
    app.py           the ASGI application
    server.py        a model behind a socket
"""
