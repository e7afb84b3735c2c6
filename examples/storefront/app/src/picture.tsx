// This draws the products.

const lines: Readonly<Record<string, string>> = {
  tea: 'M14 26h30v12a12 12 0 0 1-12 12h-6a12 12 0 0 1-12-12zM44 30h4a5 5 0 0 1 0 12h-4M24 20c-3-4 3-6 0-10M34 20c-3-4 3-6 0-10M10 54h40',
  engine:
    'M32 12v8M32 44v8M12 32h8M44 32h8M18 18l5 5M41 41l5 5M46 18l-5 5M23 41l-5 5M32 20a12 12 0 1 0 .1 0zM32 28a4 4 0 1 0 .1 0z',
  cards: 'M10 18h38l6 6v24H10zM18 28h4M28 28h4M38 28h4M18 35h4M38 35h4M23 42h4M33 42h4M43 42h4',
  notes: 'M16 10h26l8 8v36H16zM42 10v8h8M23 26h20M23 33h20M23 40h13',
}

export const Picture = ({ sku }: { readonly sku: string }) => (
  <svg className="picture" viewBox="0 0 64 64" aria-hidden="true">
    <path d={lines[sku] ?? 'M16 16h32v32H16z'} />
  </svg>
)
