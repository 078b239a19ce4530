# One image for every command of Evenfall: `docker run evenfall web`, `… worker`, `… migrate`, `… doctor`.
# It holds the package as it is published and its production dependencies, and it writes no file: a read-only
# root file system is enough. Node is the first process and hears SIGTERM; start it with --init all the same.
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm pack --ignore-scripts && tar -xzf evenfall-*.tgz
# the optional packages are the embedded Postgres and the demo's mailbox
RUN npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
ENV NODE_ENV=production PORT=3000
WORKDIR /app
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/package ./
RUN ln -s /app/dist/src/cli/main.js /usr/local/bin/evenfall
# the image's user `node`, by number: a cluster that refuses root has to see that it is not
USER 1000:1000
EXPOSE 3000
# of `web`, and of a worker that has a PORT
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["evenfall"]
CMD ["start"]
