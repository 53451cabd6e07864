"""The mail's way in: admit (RCPT), keep (DATA), process (after 250); `server` speaks SMTP and decides nothing."""
