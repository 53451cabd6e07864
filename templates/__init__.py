"""What people read: words and looks of mails and pages, as package data."""
