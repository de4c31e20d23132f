"""Not the protocol's form: an exception, no such route, a page, no JSON, a wrong Err."""

from functools import partial

from workshop.checker.causes import table

cause = partial(table.cause, stage="answer")
PLAIN = ("4xx", "5xx")
"""An error status that says nothing more than that."""
OBJECT = ("no Err", "null Err", "empty Err", "Err", "Err of another type")
WITHOUT_ACTIVATION = ("success", "an error status", "an Err", "success for all", "")

# What the status says

cause(
    "reads an empty body",
    "Docker sends Plugin.Activate with an empty body and no Content-Type. request.get_json() refuses that, with "
    "force=True too. Activate needs nothing from the body: do not read it.",
    status="empty body",
)
cause(
    "get_json without force",
    "Docker sends JSON without a Content-Type header, so Flask's request.get_json() refuses it. Tell it "
    "not to look: request.get_json(force=True).",
    status="415",
)
cause(
    "exception in a handler",
    "The handler raised $raised. Docker gets $what_docker_gets, and prints it to the user.",
    status="exception",
)
cause(
    "wrong case of a key",
    "The plugin looks for '$wrong_key' in the request, and Docker sends '$right_key': upper and lower case count.",
    status="exception",
    exception="wrong case of a key",
)
cause(
    "no such route",
    "The plugin has no route /$endpoint. This is what Docker calls, in this spelling.",
    status="no route",
    route="missing",
)
cause(
    "a route that the server does not know",
    "The route /$endpoint is in the file, but the server did not know it. Is it below the line that "
    "starts the server? That line never comes back: move it to the end of the file.",
    status="no route",
    route="not known",
)
cause(
    "wrong method",
    "The route is there, but not for $method. Docker calls everything with POST.",
    status="405",
)
cause(
    "status other than 200",
    "Docker takes only status 200 for success: $code is an error to it.",
    status="2xx",
)

# An answer that is no JSON object

cause(
    "error page in HTML",
    "The error is a page of HTML, and docker prints the whole page to its user. Answer errors as JSON, "
    '{"Err": "a sentence"}, for every path (app.errorhandler).',
    status=PLAIN,
    said="page",
)
cause(
    "bare text",
    "The answer is text, and Docker wants a JSON object. Return a dict, or json.dumps of one.",
    status="200",
    said=("text", "empty", "page"),
)
cause(
    "JSON, but no object",
    "The answer is JSON, but not an object: Docker reads {…}, and cannot decode anything else.",
    status=("200", *PLAIN),
    said="JSON value",
)

# Err

cause(
    "Err is no text",
    "Err has to be a text: Docker cannot decode the whole answer otherwise.",
    status=("200", *PLAIN),
    said="Err of another type",
    wants=WITHOUT_ACTIVATION,
)
cause(
    "Err misspelt",
    "The error stands under '$nearly_err'. Docker looks under 'Err', finds nothing, and prints the raw JSON.",
    status=PLAIN,
    said="no Err",
    nearly_err=True,
)
cause(
    "Err null",
    "Err is null, so there is no sentence to print. Say in it what is wrong, and what to do.",
    status=PLAIN,
    said="null Err",
)
cause(
    "Err missing",
    'The answer is an error, but has no Err: docker prints the raw JSON. Send {"Err": "a sentence"}.',
    status=PLAIN,
    said="no Err",
    nearly_err=False,
)
cause(
    "error under status 200",
    "The error comes under status 200. Docker reads Err and takes it for an error; Podman takes every 200"
    " for success, and never reads Err. Send it with a status such as 400 or 404.",
    status="200",
    said="Err",
    wants="an error status",
)
cause(
    "success with an Err",
    'Whatever stands in Err is an error to Docker. For success it is empty: {"Err": ""}.',
    status="200",
    said="Err",
    wants=("success", "success for all"),
)
