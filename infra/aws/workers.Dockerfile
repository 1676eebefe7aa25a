# The four workers in one image; worker.yaml starts one of them by name. The context is a folder with the binaries and
# the migrations (README.md, "Build").
FROM gcr.io/distroless/cc-debian13:nonroot
COPY load-replayer migration-runner recovery-watcher smoke-tester /
COPY migrations /migrations
