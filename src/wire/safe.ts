/** RFC 9110 §9.2.1: what may be asked twice, and served side by side with others of its kind (RFC 9112 §9.3.2). */
export const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
