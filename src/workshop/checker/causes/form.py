"""Not the protocol's form: an exception, no such route, a page, no JSON, a wrong Err."""

from functools import partial

from workshop.checker.causes import table

cause = partial(table.cause, stage="answer")
PLAIN = ("4xx", "5xx")
"""An error status that says nothing more than that."""
OBJECT = ("no Err", "null Err", "empty Err", "Err", "Err of another type")
LIST_OF_MANY = "List while volumes are removed"
WITHOUT_ACTIVATION = (LIST_OF_MANY, "success", "an error status", "an Err", "success for all", "")

# What the status says

EMPTY_BODY = "Docker sends Plugin.Activate with an empty body and no Content-Type."
DO_NOT_READ = "Activate needs nothing from the body: do not read it."
cause(
    "reads an empty body",
    f"{EMPTY_BODY} The plugin refused that with status $code. {DO_NOT_READ}",
    status="empty body",
    calls_get_json=False,
)
cause(
    "reads an empty body",
    f"{EMPTY_BODY} request.get_json() refuses that, even with force=True. {DO_NOT_READ}",
    status="empty body",
    calls_get_json=True,
)
cause(
    "get_json without force",
    "Docker sends JSON without a Content-Type header, and the plugin refuses that with status 415. Read the body as "
    "JSON, whatever the header says.",
    status="415",
    flask_wants_a_type=False,
)
cause(
    "get_json without force",
    "Docker sends JSON without a Content-Type header, so Flask's request.get_json() refuses it. Let "
    "Flask ignore the header: request.get_json(force=True).",
    status="415",
    flask_wants_a_type=True,
)
RAISED = "The handler raised $raised."
GLOBAL = (
    "The function gives $no_global a new value, so Python makes it a local variable there. Write global $no_global at "
    "the beginning of the function."
)
raises = partial(table.cause, stage=("answer", "greeting"), status="exception")
raises("exception in a handler", f"{RAISED} Docker gets $what_docker_gets$is_printed.$known_words")
raises(
    "not imported",
    f"{RAISED} It is not imported. Write this line at the top of the file: $import_line",
    exception="not imported",
)
raises(
    "status before the body",
    f'{RAISED} Flask takes the body first, and the status after it: return {{"Err": "…"}}, 400.',
    exception="status first",
)
raises(
    "global is missing",
    f"{RAISED} {GLOBAL}",
    exception="global",
)
raises(
    "mkdir without its parents",
    f"{RAISED} The folder above it does not exist either. mkdir(parents=True) makes both, and so does os.makedirs().",
    exception="no parents",
)
cause(
    "a redirect",
    "The plugin answers /$endpoint with status $code, a redirect to $location.$how_docker_follows Answer at the path "
    "itself, without a redirect.",
    status="3xx",
    redirect="elsewhere",
)
cause(
    "a route that ends in /",
    "The route ends in /, but Docker calls /$endpoint without it: the server answers status $code, a redirect."
    "$how_docker_follows Remove the / at the end of the route.",
    status="3xx",
    redirect="adds a slash",
)
cause(
    "wrong case of a key",
    "The plugin looks for '$wrong_key' in the request, but Docker sends '$right_key': upper and lower case matter.",
    status="exception",
    exception="wrong case of a key",
)
cause(
    "no such route",
    "The plugin answers in Err that it has no such call. Usual causes: no branch or route for /$endpoint, in exactly "
    "this spelling; or a branch without a return, so that the call runs on to the last line, which refuses it.",
    status=PLAIN,
    said="Err",
    wants="success",
    no_call=True,
    no_global=False,
)
cause(
    "no such route",
    "The plugin has no route /$endpoint. Docker calls this path, in exactly this spelling.$nearest_route",
    status="no route",
    route="missing",
)
cause(
    "a route that the server does not know",
    "The route /$endpoint is in the file, but the server did not know it. Is the route below the line that starts the "
    "server? That line never returns: move it to the end of the file.",
    status="no route",
    route="not known",
)
cause(
    "a blueprint that is not registered",
    "The route /$endpoint belongs to a blueprint that the app does not know. Register it: app.register_blueprint(…).",
    status="no route",
    route="not registered",
)
cause(
    "a prefix before the route",
    "The route /$endpoint belongs to a blueprint with a url_prefix, which comes before the path. Docker calls the path "
    "alone: register the blueprint without a prefix.",
    status="no route",
    route="with a prefix",
)
cause(
    "wrong method",
    "The route is there, but not for $method. Docker sends every call as POST.",
    status="405",
)
cause(
    "status other than 200",
    "Docker takes only status 200 as success: $code is an error to Docker. Answer with status 200.",
    status="2xx",
)

# An answer that is no JSON object

page = partial(cause, status=PLAIN, said="page", reads_a_form=False)
PAGE = "The error is a page of HTML. Docker gets all of the page$is_printed. "
page(
    "error page in HTML",
    f'{PAGE}Answer errors as JSON, {{"Err": "a sentence"}}, for every path$in_flask.$usual_page',
    unsupported_post=False,
    errorhandler=False,
)
page(
    "error page in HTML",
    f"{PAGE}The file has $errorhandler, but Flask did not call it, or it does not answer with JSON: "
    '{"Err": "a sentence"}.',
    unsupported_post=False,
    errorhandler=True,
    gets_the_error=True,
)
page(
    "error page in HTML",
    f"{PAGE}$errorhandler does not get this error, of status $code. @app.errorhandler(HTTPException) gets all errors.",
    unsupported_post=False,
    errorhandler=True,
    gets_the_error=False,
)
NO_POST = (
    "Python's http.server has found no method for $method in the handler. Write one with the name do_$method, in "
    "exactly this spelling."
)
page("wrong method", NO_POST, unsupported_post=True)
cause(
    "error as text",
    'The error is text, not JSON. A client looks for a sentence in Err: answer {"Err": "a sentence"}.$usual_text',
    status=PLAIN,
    said="text",
)
cause(
    "error without a body",
    'The answer is an error with nothing in it, so there is nothing to print. Answer {"Err": "a sentence"}.',
    status=PLAIN,
    said="empty",
)
cause(
    "bare text",
    "The answer is text, but Docker wants a JSON object. $how_to_answer",
    status="200",
    said="text",
    raised=False,
)
cause(
    "bare text",
    "The body of the answer is another answer, with a status line of its own: the handler answers twice. Look at "
    "what happens between the two, perhaps an exception. wfile.write() takes bytes: json.dumps(answer).encode()",
    status="200",
    said="text",
    raised=False,
    second_answer=True,
)
cause(
    "exception in a handler",
    "The handler raised $raised, and its answer is not JSON.$known_words",
    status="200",
    said=("text", "empty", "page", "broken JSON"),
    raised=True,
)
cause(
    "empty answer",
    "The answer is empty, but Docker wants a JSON object. Return one: in Flask, a dict.$usual_silent",
    status="200",
    said="empty",
    raised=False,
)
cause(
    "page under status 200",
    "The answer is a page of HTML, but Docker wants a JSON object. Return a dict, or what json.dumps() makes of one.",
    status="200",
    said="page",
    raised=False,
)
BROKEN = (
    "The answer looks like JSON, but is not: $not_json. JSON has names and strings in double quotes. Let a library "
    "write it: json.dumps() in Python, not str(), or JSON.stringify() in Node."
)
cause("broken JSON", BROKEN, status="200", said="broken JSON", raised=False)
cause("broken JSON", BROKEN, status=PLAIN, said="broken JSON")
cause(
    "JSON, but no object",
    "The answer is JSON, but not an object. Docker wants {…}, and cannot decode anything else.$usual_value",
    status=("200", *PLAIN),
    said="JSON value",
)

# Err

NO_TEXT = 'Err has to be a string. Otherwise Docker cannot decode the answer. For success it is empty: "".'
cause("Err is no text", NO_TEXT, status=PLAIN, said="Err of another type")
cause("Err is no text", NO_TEXT, status="200", said="Err of another type", wants=WITHOUT_ACTIVATION)
cause(
    "Err misspelt",
    "The error is under '$nearly_err'. Docker looks under 'Err', and finds nothing there: rename the key.",
    status=PLAIN,
    said="no Err",
    nearly_err=True,
)
cause(
    "Err null",
    "Err is null, so there is no sentence to print. Say in Err what is wrong, and what to do.",
    status=PLAIN,
    said="null Err",
)
cause(
    "Err empty",
    "The status says that this is an error, but Err is empty: there is no sentence to print. Say in Err what is wrong.",
    status=PLAIN,
    said="empty Err",
)
cause(
    "Err missing",
    'The answer is an error, but has no Err. Clients look there for the sentence: send {"Err": "a sentence"}.',
    status=PLAIN,
    said="no Err",
    nearly_err=False,
)
cause(
    "no sentence in Err",
    "Docker prints Err to the user unchanged. HTML and tracebacks are not for users. Say in one sentence what is "
    "wrong: Flask's error.description is a sentence, error.get_description() is HTML.",
    status=PLAIN,
    said="Err",
    wants="a sentence in Err",
)
cause(
    "error under status 200",
    "The error comes under status 200. Docker reads Err, and sees the error. Podman takes every status 200 as "
    "success, and never reads Err. Send the error with a status such as 400 or 404.$usual_status",
    status="200",
    said="Err",
    wants="an error status",
)
cause(
    "success with an Err",
    'Docker takes any text in Err as an error. For success, send an empty Err: {"Err": ""}.',
    status="200",
    said="Err",
    wants=("success", "success for all", LIST_OF_MANY),
)
