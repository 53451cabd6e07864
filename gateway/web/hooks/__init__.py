"""Calls of the platform: signed events about cases and about orders (CONTRACT §9)."""

from fastapi import APIRouter

from gateway.web.hooks import cases, orders

router = APIRouter(prefix="/hooks", tags=["Platform hooks"])
router.include_router(cases.router)
router.include_router(orders.router)
