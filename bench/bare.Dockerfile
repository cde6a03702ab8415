# The yardstick of images: a function's image with bench/bare.py in the function's place.
ARG FUNCTION_IMAGE
FROM $FUNCTION_IMAGE
USER 0
COPY bench/__init__.py bench/bare.py /app/bench/
RUN rm -rf /app/functions /app/events /app/shared && /app/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app/bench
USER 65532:65532
ENTRYPOINT ["/app/venv/bin/python", "-m", "uvicorn", "bench.bare:app", "--host", "0.0.0.0", "--port", "8080", "--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "20"]
