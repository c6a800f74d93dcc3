"""stub, replaced below"""
def wanted(machine, behaviour): return False
class QemuGuest: pass
