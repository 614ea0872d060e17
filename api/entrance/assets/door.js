// The page of a letter: takes the token out of the address and sends the form as GraphQL.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const form = byId("door");
  const told = byId("told");
  const button = byId("send");
  const show = byId("show"); // null where no password is asked for
  const fields = Array.from(form.querySelectorAll("input[name]"));
  const words = form.dataset;
  let token = "";

  // What follows # went into no log; out of the address bar it stays out of the history, too.
  function takeToken() {
    const found = location.hash.slice(1);
    if (found) {
      token = found;
      history.replaceState(null, "", location.pathname);
    }
    forget();
    byId("done").hidden = true;
    form.hidden = !token;
    if (!token) tell(words.incomplete);
  }

  function tell(message) {
    told.textContent = message;
  }

  function forget() {
    tell("");
    for (const field of fields) {
      field.removeAttribute("aria-invalid");
      byId(`${field.name}-problem`).textContent = "";
    }
  }

  function showPasswords() {
    for (const field of fields) {
      if (field.autocomplete === "new-password") {
        field.type = show.checked ? "text" : "password";
      }
    }
  }

  // Each problem stands at its field; what belongs to no field stands above the form.
  function showProblems(result) {
    const problems = result.fieldProblems?.length ? result.fieldProblems : [result];
    const others = [];
    let first = null;
    for (const problem of problems) {
      const name = problem.path?.[problem.path.length - 1];
      const field = fields.find((each) => each.name === name);
      if (field) {
        field.setAttribute("aria-invalid", "true");
        byId(`${name}-problem`).textContent = problem.message;
        first ??= field;
      } else {
        others.push(problem.message);
      }
    }
    tell(others.join(" "));
    (first ?? told).focus();
  }

  function finish(result) {
    token = "";
    form.reset();
    if (show) showPasswords();
    form.hidden = true;
    byId("account").hidden = !result.email;
    byId("email").textContent = result.email ?? "";
    byId("done").hidden = false;
    byId("done").focus();
  }

  async function send() {
    const input = { token };
    for (const field of fields) input[field.name] = field.value;
    let response;
    try {
      response = await fetch(words.endpoint, {
        method: "POST",
        credentials: "omit", // the token alone says who it is
        headers: {
          Accept: "application/graphql-response+json",
          "Content-Type": "application/json",
          "Linkyard-Client": "entrance",
        },
        body: JSON.stringify({ documentId: words.document, variables: { input } }),
      });
    } catch {
      return showProblems({ message: words.offline });
    }
    const body = await response.json().catch(() => ({}));
    const result = Object.values(body.data ?? {})[0];
    if (!result) return showProblems({ message: body.errors?.[0]?.message ?? words.broken });
    return result.__typename.endsWith("Success") ? finish(result) : showProblems(result);
  }

  async function submit(event) {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    forget();
    try {
      await send();
    } finally {
      button.disabled = false;
    }
  }

  byId("needs-script").hidden = true;
  show?.addEventListener("change", showPasswords);
  form.addEventListener("submit", submit);
  window.addEventListener("hashchange", takeToken); // the next letter, opened in the same tab
  takeToken();
})();
