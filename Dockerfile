# The broker of `make run`, with its own PostgreSQL, in a container:
#
#     docker build -t pgbroker .
#     docker run -p 3000:3000 -v pgbroker-data:/data pgbroker
FROM python:3.13-slim

RUN useradd --create-home --uid 1000 broker && install -d -o broker -g broker /data
WORKDIR /broker

COPY requirements.lock ./
COPY local/requirements.txt local/
COPY layers/broker/requirements.txt layers/broker/
RUN python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore \
    -c requirements.lock -r local/requirements.txt

COPY template.yaml openapi.yaml ./
COPY layers layers
COPY functions functions
COPY local local
RUN python -m compileall -q layers functions local

USER broker
ENV PYTHONPATH=layers/broker BROKER_HOST=0.0.0.0 BROKER_DATA=/data PYTHONDONTWRITEBYTECODE=1
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as http; http.urlopen('http://127.0.0.1:3000/health', timeout=4)"]
CMD ["python", "-m", "local"]
