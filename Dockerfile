# The image that ddd runs in, and every part of the course.
ARG BASE=python:3.13-slim
FROM ${BASE}

# curl, to ask a plugin from a second container. A base that has it needs no network for this.
RUN command -v curl || { apt-get update && apt-get install --yes --no-install-recommends curl && rm -r /var/lib/apt/lists; }

# Debian's Python refuses a plain pip (PEP 668): a virtual environment works on every base.
RUN python3 -m venv /opt/venv

# Logs appear when they are written, and a clone that is mounted on /workshop stays free of files that belong to root.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

# Without a network, on a base with curl: put the wheels into a folder wheels/ and build with --build-arg PIP_NO_INDEX=1.
# The brackets make its name a pattern, which may match nothing; a folder without brackets would have to exist.
ARG PIP_FIND_LINKS=/wheels
ARG PIP_NO_INDEX
COPY constraints.txt wheel[s] /wheels/
RUN pip install --no-cache-dir -c /wheels/constraints.txt flask gunicorn prometheus_client

# ddd is in the environment, so it runs whatever is at /workshop. Each line of a .pth file is a folder to import from.
COPY src/ddd /opt/ddd/ddd
RUN echo /opt/ddd > "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ddd.pth"

WORKDIR /workshop
COPY part1 part1
COPY part2 part2
COPY part3 part3

# -P: nothing is imported from /workshop.
CMD ["python", "-P", "-m", "ddd"]
