"use strict";

// Asks the server that the page came from, and nobody else. Subscriptions come as
// graphql-sse; a key goes into the headers below the document.

const EXAMPLE = `# Ask what was known on a date. With access control, put your key into
# the headers below: {"Authorization": "Bearer KEY"}
{
  knowledge(on: "2024-10-22") {
    basis { position knownUntil }
    counts { status count }
    claims {
      nodes { id text status flags tally { for { name } against { name } } }
    }
  }
}
`;

function isSubscription(document, name) {
  return document?.definitions.some(
    (one) =>
      one.kind === "OperationDefinition" &&
      one.operation === "subscription" &&
      (!name || one.name?.value === name),
  );
}

function ask(parameters, headers, accept) {
  return fetch(window.location.pathname, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/json", Accept: accept },
    body: JSON.stringify(parameters),
  });
}

async function* results(parameters, headers) {
  const response = await ask(parameters, headers, "text/event-stream");
  if (!response.ok) {
    yield await response.json();
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const events = (rest + value).split("\r\n\r\n");
      rest = events.pop();
      for (const event of events) {
        const data = /^data: (.+)$/m.exec(event);
        if (data) yield JSON.parse(data[1]);
      }
    }
  } finally {
    await reader.cancel();
  }
}

function fetcher(parameters, { documentAST, headers } = {}) {
  if (isSubscription(documentAST, parameters.operationName)) {
    return results(parameters, headers);
  }
  const accept = "application/graphql-response+json, application/json;q=0.9";
  return ask(parameters, headers, accept).then((response) => response.json());
}

ReactDOM.createRoot(document.getElementById("ide")).render(
  React.createElement(GraphiQL, { fetcher, defaultQuery: EXAMPLE }),
);
