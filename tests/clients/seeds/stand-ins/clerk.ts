// Stands in for `@clerk/nextjs`: who the request comes from, the test says (an AsyncLocalStorage with the user's id).
export const auth = (): { userId: string | null } => ({ userId: (globalThis as any).clerk.getStore() ?? null });
