// Methods of the native client, called by the names the language gives them.

/** What the method of that name gives. */
export function callMethod(gateway, { api, ids = [], request, provider, headers }) {
  const path = api.split(".").map((name) => name.replaceAll(/_(.)/g, (_, letter) => letter.toUpperCase()));
  const name = path.pop();
  const home = path.reduce((object, name) => object[name], gateway);
  const options = { provider, headers };
  // Those that take no parameters take their options in that place.
  return home[name](...ids, ...(bare(api) ? [options] : [filled(request ?? {}), options]));
}

/** Whether a method has no parameters besides ids. */
const bare = (api) => /[.](retrieve|delete|content|results|download_content)$/.test(api) || api === "models.list";

/** The arguments, with files in the places where they are described. */
function filled(value) {
  if (Array.isArray(value)) return value.map(filled);
  if (value === null || typeof value !== "object") return value;
  if (value.$file) return new File([value.$file.text], value.$file.name, { type: value.$file.type });
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, filled(member)]));
}

/** A whole reply as JSON can hold it. */
export const bodyOf = (reply) => (typeof reply.text === "function" ? reply.text() : reply);
