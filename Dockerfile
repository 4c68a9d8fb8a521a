# A small image with geoloupe on a CPU, which runs as nobody in particular.
#
#     make dist
#     docker build --build-arg TORCH_INDEX=... --tag geoloupe .
#     docker run --rm --volume "$PWD:/data" --user "$(id -u):$(id -g)" geoloupe upscale scene.tif -o finer.tif
#
# TORCH_INDEX is the address of PyTorch's index of builds for the CPU, as its own installation page gives it. Without
# it, pip may bring a CUDA build of several GB, which the build refuses.

FROM python:3.13-slim AS build
ARG TORCH_INDEX=""
COPY constraints.txt /tmp/
COPY dist/*.whl /tmp/
RUN python -m venv /opt/geoloupe \
 && PIP_EXTRA_INDEX_URL="$TORCH_INDEX" /opt/geoloupe/bin/python -m pip install --no-cache-dir --no-compile \
    --disable-pip-version-check --constraint /tmp/constraints.txt /tmp/*.whl \
 && /opt/geoloupe/bin/python -c 'import sys, torch; sys.exit(torch.version.cuda and "a CUDA build of PyTorch came: name TORCH_INDEX")' \
 && /opt/geoloupe/bin/python -m pip uninstall --yes --quiet pip

FROM python:3.13-slim
# rasterio's wheel asks for libexpat of the system; everything else is in the wheels.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libexpat1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 geoloupe
COPY --from=build /opt/geoloupe /opt/geoloupe
ENV PATH=/opt/geoloupe/bin:$PATH MPLCONFIGDIR=/tmp/matplotlib
USER geoloupe
WORKDIR /data
ENTRYPOINT ["geoloupe"]
CMD ["--help"]
