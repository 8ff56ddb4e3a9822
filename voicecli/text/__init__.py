"""Text to speak: from whatever a writer sends, piece by piece, to what one request takes."""
