/** The options of its addresses. */

export const OPTIONS = {
  endpoint: {
    meaning: 'another OneLake endpoint, such as a private or a regional one',
    pattern: /^https?:\/\/[^/@?#]+(?:\/[^?#]*)?$/i,
    expected: 'a plain URL such as https://host',
  },
}
