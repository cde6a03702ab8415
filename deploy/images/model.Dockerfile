# Another embedding model in an image of ours (triton, triton-cpu, extract); the context is a home with `models` and `triton`:
# docker build -f deploy/images/model.Dockerfile --build-arg IMAGE=research-kb/triton:0.1.0 -t research-kb/triton:0.1.0-NAME HOME
ARG IMAGE

FROM $IMAGE AS home
USER 0
COPY models /made/models
COPY triton /made/triton
# Extraction counts tokens and reads no weights.
RUN if [ "$FUNCTION" = extract ]; then find /made -type f ! -name tokenizer.json -delete && rm -r /made/triton; fi \
 && chmod -R a+rX,go-w /made

FROM $IMAGE
USER 0
# What is there has compiled code, which Python would take for the new one's.
RUN rm -rf /app/home/triton
COPY --from=home /made /app/home
USER 65532:65532
