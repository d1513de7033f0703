
// What stands above this line is Swagger UI.
const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  validatorUrl: null,
  plugins: [
    () => ({
      statePlugins: {
        spec: {
          wrapActions: {
            // Calls go to the API that serves this page, whose stage is part of its path.
            updateJsonSpec: (original) => (spec) =>
              original({ ...spec, servers: [{ url: new URL(".", location.href).href.replace(/\/$/, "") }] }),
          },
        },
      },
    }),
  ],
  // A browser keeps its session's cookie by itself; the token that writes need beside it is taken from the answer that tells it.
  responseInterceptor: (answer) => {
    if (answer.obj?.csrf_token) ui.preauthorizeApiKey("csrf", answer.obj.csrf_token);
    return answer;
  },
});
