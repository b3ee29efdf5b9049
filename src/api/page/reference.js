// Starts Swagger UI. Requests are signed with the app's secret, which belongs in no page, so nothing can be sent from here.

async function show() {
  const answer = await fetch('openapi.json');
  if (!answer.ok) throw new Error(`openapi.json: status ${answer.status}`);
  window.SwaggerUIBundle({
    dom_id: '#reference',
    spec: await answer.json(),
    deepLinking: true,
    docExpansion: 'list',
    defaultModelsExpandDepth: 0,
    supportedSubmitMethods: [],
    validatorUrl: null,
    queryConfigEnabled: false,
  });
}

show().catch((error) => {
  document.querySelector('.wait').textContent = `The description cannot be shown: ${error.message}`;
});
