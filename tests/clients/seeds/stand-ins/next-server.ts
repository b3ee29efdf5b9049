// Stands in for `next/server`, whose NextResponse is a Response with more.
export const NextResponse = Response;
